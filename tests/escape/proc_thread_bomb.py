# promise: threads count as processes do
# outcome: ok
# limits: pids=32
import threading

stop = threading.Event()
threads = []
try:
    for _ in range(2000):
        thread = threading.Thread(target=stop.wait, daemon=True)
        thread.start()
        threads.append(thread)
except RuntimeError as error:
    print(error, len(threads))
stop.set()
for thread in threads:
    thread.join()
if len(threads) > 32:
    raise SystemExit(f"BROKEN: {len(threads)} threads")
print("HELD")
