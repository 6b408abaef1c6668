# promise: resource limits can be lowered but never raised
# outcome: ok
import resource

for name in [name for name in dir(resource) if name.startswith("RLIMIT_")]:
    kind = getattr(resource, name)
    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY:
        continue
    try:
        resource.setrlimit(kind, (hard + 1, hard + 1))
    except (ValueError, OSError):
        continue
    raise SystemExit(f"BROKEN: {name} raised above {hard}")
print("HELD")
