"""A fast HTTP receiver in a process of its own: reads the body, answers 204. Says ``ready URL``."""

import asyncio
import sys

from aiohttp import web


async def _take(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=204)


async def main() -> None:
    """Serve until SIGTERM."""
    application = web.Application()
    application.router.add_post("/hook", _take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"ready http://127.0.0.1:{runner.addresses[0][1]}/hook\n")
    sys.stdout.flush()
    await asyncio.sleep(86_400)


if __name__ == "__main__":
    asyncio.run(main())
