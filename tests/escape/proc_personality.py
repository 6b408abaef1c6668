# promise: address randomisation cannot be switched off and no foreign personality taken on
# outcome: ok
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
for persona in [0x40000, 0x8, 0x0400000, 0x1000000, 0x2]:  # no randomisation, 32-bit, read implies exec, SVR4
    if libc.personality(ctypes.c_ulong(persona)) != -1:
        raise SystemExit(f"BROKEN: personality {persona:x}")
if libc.personality(ctypes.c_ulong(0xFFFFFFFF)) not in (0, -1):  # or there are none
    raise SystemExit("BROKEN: not the ordinary personality")
print("HELD")
