"""The HTTP face: an API under /v1 and a page that uses nothing else.

`app.create_app` makes an application of one index; `visavis serve` runs it.
"""
