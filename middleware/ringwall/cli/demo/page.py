"""The start page of `ringwall demo --preset browser`: scripts and styles go by nonce."""

from __future__ import annotations

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Ringwall demo</title>
<style nonce="{nonce}">body {{ font: 1.1em sans-serif; margin: 3em auto; max-width: 36em }}</style>
</head>
<body>
<h1>Behind the wall</h1>
<p>This page came through all layers, with the headers of
<code>SecurityHeaders("browser")</code>. Its own script has the nonce of this request, and runs:</p>
<p><button id="ask">Ask /healthz</button> <code id="answer"></code></p>
<p id="injected">A script that was injected into this page has no nonce. It did not run.</p>
<script nonce="{nonce}">
document.getElementById("ask").addEventListener("click", async () => {{
  const response = await fetch("/healthz");
  document.getElementById("answer").textContent = await response.text();
}});
</script>
<script>document.getElementById("injected").textContent = "The injected script ran!";</script>
</body>
</html>
"""


def start_page(nonce: str | None) -> bytes:
    """The page, for the nonce of a request."""
    return _PAGE.format(nonce=nonce).encode()
