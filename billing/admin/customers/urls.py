from django.contrib import admin
from django.urls import path

from billing.admin.customers import pages

view = admin.site.admin_view

urlpatterns = [
    path("", view(pages.search), name="customers"),
    path("<uuid:key>/", view(pages.show), name="customer"),
    path("<uuid:key>/timeline/", view(pages.timeline), name="customer-timeline"),
    path("<uuid:key>/notes/", view(pages.add_note), name="customer-notes"),
]
