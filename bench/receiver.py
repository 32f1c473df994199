"""A fast HTTP receiver in a process of its own, at ``HOST PORT`` if given: reads the body, answers 204. Says
``ready URL``; with ``--times``, for each meeting ``NAME TIME``, the microsecond since the epoch at which the request
was there."""

import asyncio
import json
import sys
import time

from aiohttp import web


async def _take(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=204)


async def _note(request: web.Request) -> web.Response:
    now, body = time.time(), json.loads(await request.read())
    print(body["data"]["name"], round(now * 1e6), flush=True)
    return web.Response(status=204)


async def main() -> None:
    """Serve until SIGTERM."""
    application = web.Application()
    application.router.add_post("/hook", _note if "--times" in sys.argv else _take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, port = [word for word in sys.argv[1:] if word != "--times"] or ("127.0.0.1", "0")
    await web.TCPSite(runner, host, int(port)).start()
    print(f"ready http://{host}:{runner.addresses[0][1]}/hook", flush=True)
    await asyncio.sleep(86_400)


if __name__ == "__main__":
    asyncio.run(main())
