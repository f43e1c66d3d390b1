"""Threads that wait for each other and asyncio tasks that sleep: something for guru to see."""
import asyncio
import queue
import sys
import threading

jobs = queue.Queue()
lock = threading.Lock()


def take_jobs():
    with lock:
        held.set()
        jobs.get()


def want_lock():
    with lock:
        pass


async def fetch(name):
    await asyncio.sleep(3600)


async def main():
    tasks = [asyncio.create_task(fetch(name), name=name) for name in ("alpha", "beta")]
    await asyncio.sleep(0)  # the tasks begin
    threading.Thread(target=announce, name="stdin", daemon=True).start()
    await asyncio.gather(*tasks)


def announce():
    print("ready", flush=True)
    sys.stdin.read()


held = threading.Event()
threading.Thread(target=take_jobs, name="jobs", daemon=True).start()
held.wait()
threading.Thread(target=want_lock, name="wants-lock", daemon=True).start()
asyncio.run(main())
