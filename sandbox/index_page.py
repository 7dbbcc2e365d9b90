from django.http import HttpRequest, HttpResponse


def show_index(http: HttpRequest) -> HttpResponse:
    return HttpResponse("sandbox")
