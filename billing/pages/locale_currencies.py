"""Guess a currency from the languages that a browser asks for, by the region in them: ``de-CH`` is paid in francs."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation.trans_real import parse_accept_lang_header

# A currency's code begins with its country's, by ISO 4217. These regions use another's, or one of several countries, by
# CLDR's supplemental data.
SHARED = {
    "eur": "ad at ax be bg cy de ee es fi fr gf gp gr hr ie it lt lu lv mc me mq mt nl pm pt re si sk sm va xk yt",
    "usd": "as bq ec fm gu io mh mp pa pr pw sv tc tl um vg vi",
    "aud": "cc cx ki nf nr tv",
    "chf": "li",
    "dkk": "fo gl",
    "gbp": "gg gs im je",
    "ils": "ps",
    "mad": "eh",
    "nok": "bv sj",
    "nzd": "ck nu pn tk",
    "xaf": "cf cg cm ga gq td",
    "xcd": "ag ai dm gd kn lc ms vc",
    "xcg": "cw sx",
    "xof": "bf bj ci gw ml ne sn tg",
    "xpf": "nc pf wf",
}
OF_REGION = {region: currency for currency, regions in SHARED.items() for region in regions.split()}
# Without a region only languages that are spoken where one currency is, or hardly elsewhere.
OF_LANGUAGE = {
    **dict.fromkeys(("el", "et", "fi", "lt", "lv", "sk", "sl"), "eur"),
    "cs": "czk",
    "da": "dkk",
    "he": "ils",
    "hu": "huf",
    "id": "idr",
    "is": "isk",
    "ja": "jpy",
    "ka": "gel",
    "ko": "krw",
    "nb": "nok",
    "nn": "nok",
    "no": "nok",
    "pl": "pln",
    "th": "thb",
    "uk": "uah",
    "vi": "vnd",
}


def currency_of_languages(accepted: str, currencies: Collection[str]) -> str:
    """Return the first of the currencies that one of a browser's languages names, the preferred one first; else
    nothing. ``accepted`` is an Accept-Language header.
    """
    for language, _weight in parse_accept_lang_header(accepted):
        if (found := _currency_of(language, currencies)) in currencies:
            return found
    return ""


def _currency_of(language: str, currencies: Collection[str]) -> str:
    first, *more = language.lower().split("-")
    region = next((part for part in more if len(part) == 2 and part.isalpha()), "")
    if not region:
        return OF_LANGUAGE.get(first, "")
    own = (each for each in currencies if each.startswith(region) and not each.startswith("x"))
    return OF_REGION.get(region) or next(own, "")
