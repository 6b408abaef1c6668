# from: RestrictedPython: advisories and its own list of what is guarded (CVE-2025-22153: try/except*)
# expect: denied dunder-chain:6
try:
    1 / 0
except* ZeroDivisionError as group:
    group.exceptions[0].__traceback__.tb_frame.f_globals
