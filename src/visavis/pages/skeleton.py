"""What every page that is one file begins and ends with."""

from html import escape


def page(title: str, subtitle: str, style: str, kind: str, body: str) -> str:
    """A whole page. Title and subtitle are texts; style, kind (the body's class) and body are not
    escaped.
    """
    return _PAGE.format(
        title=escape(title), subtitle=escape(subtitle), style=style, kind=kind, body=body
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="visavis">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="{kind}">
<header><h1>{title}</h1><p>{subtitle}</p></header>
<main>
{body}
</main>
</body>
</html>
"""
