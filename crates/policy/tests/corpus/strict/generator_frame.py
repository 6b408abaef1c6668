# from: RestrictedPython: advisories and its own list of what is guarded (CVE-2023-37271: stack frames through generators)
# expect: denied attribute-denied:3 attribute-denied:4
g = (g.gi_frame.f_back for _ in [1])
print([x for x in g][0].f_globals)
