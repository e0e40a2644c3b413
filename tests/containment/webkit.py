"""A shell of WebKitGTK's web view, as far as `docs/page-api.md` asks one for: what a page may have is asked of the core.

Standard input: a line of JSON with `host`, `guard` (a script or null), `proxy` (an address or null: then the view has a
network), `pages`, and `tried`, a script that ends when a page has tried all; then an answer a line. Standard output: a
request for a file a line, or `{"page", "ended"}` with what the script gave.
"""

import base64
import json
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Soup", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gio, GLib, Gtk, Soup, WebKit2  # noqa: E402

start = json.loads(sys.stdin.readline())
origin = f"city://{start['host']}"
contained = start["proxy"] is not None


def say(what):
    print(json.dumps(what), flush=True)


def file_asked(request):
    say({"path": request.get_path(), "method": request.get_http_method()})
    answer = json.loads(sys.stdin.readline())
    body = base64.b64decode(answer["body"])
    stream = Gio.MemoryInputStream.new_from_bytes(GLib.Bytes.new(body))
    response = WebKit2.URISchemeResponse.new(stream, len(body))
    response.set_status(answer["status"], None)
    response.set_content_type(answer["mime"])
    headers = Soup.MessageHeaders.new(Soup.MessageHeadersType.RESPONSE)
    # Where a type is not to be guessed, the engine looks for it here.
    headers.append("Content-Type", answer["mime"])
    for name, value in answer["headers"]:
        headers.append(name, value)
    response.set_http_headers(headers)
    request.finish_with_response(response)


def decided(_view, decision, kind):
    """No other origin in any frame, and no other window."""
    if not contained:
        return False
    if kind == WebKit2.PolicyDecisionType.RESPONSE:
        return False
    address = decision.get_navigation_action().get_request().get_uri()
    own = address.startswith(origin + "/") or address in ("about:blank", "about:srcdoc")
    if kind == WebKit2.PolicyDecisionType.NEW_WINDOW_ACTION or not own:
        decision.ignore()
        return True
    return False


data = WebKit2.WebsiteDataManager.new_ephemeral()
context = WebKit2.WebContext.new_with_website_data_manager(data)
if contained:
    # Every request goes to a proxy that refuses it, those to the phone itself too.
    proxy = WebKit2.NetworkProxySettings.new(start["proxy"], None)
    data.set_network_proxy_settings(WebKit2.NetworkProxyMode.CUSTOM, proxy)
context.register_uri_scheme("city", file_asked)
security = context.get_security_manager()
security.register_uri_scheme_as_secure("city")
security.register_uri_scheme_as_cors_enabled("city")

content = WebKit2.UserContentManager()
if start["guard"]:
    content.add_script(
        WebKit2.UserScript(
            start["guard"],
            WebKit2.UserContentInjectedFrames.ALL_FRAMES,
            WebKit2.UserScriptInjectionTime.START,
            None,
            None,
        )
    )

view = WebKit2.WebView(web_context=context, user_content_manager=content)
settings = view.get_settings()
settings.set_property("enable-webrtc", True)
settings.set_property("media-playback-requires-user-gesture", False)
settings.set_property("hardware-acceleration-policy", WebKit2.HardwareAccelerationPolicy.NEVER)
settings.set_property("javascript-can-open-windows-automatically", not contained)
view.connect("decide-policy", decided)
window = Gtk.Window()
window.set_default_size(360, 640)
window.add(view)
window.show_all()

pages = list(start["pages"])


def next_page():
    if not pages:
        Gtk.main_quit()
        return
    page = pages.pop(0)
    ends = []

    def end(how):
        if ends:
            return False
        ends.append(how)
        GLib.source_remove(waits)
        view.disconnect(shown)
        say({"page": page, "ended": how})
        GLib.idle_add(next_page)
        return False

    def loaded(_view, event):
        if event == WebKit2.LoadEvent.COMMITTED and view.get_uri() == f"{origin}/{page}":
            view.call_async_javascript_function(start["tried"], -1, None, None, None, None, tried)

    def tried(_view, result):
        try:
            end(view.call_async_javascript_function_finish(result).to_string())
        except GLib.Error as left:
            # The page has left, and its script with it.
            end(left.message)

    waits = GLib.timeout_add_seconds(35 if page == "index.html" else 5, lambda: end("late"))
    shown = view.connect("load-changed", loaded)
    view.load_uri(f"{origin}/{page}")


next_page()
Gtk.main()
