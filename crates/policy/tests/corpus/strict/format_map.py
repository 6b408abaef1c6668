# from: RestrictedPython: advisories and its own list of what is guarded (CVE-2023-41039: format reaches attributes)
# expect: denied dunder-chain:3
print('{x.__class__}'.format_map({'x': 1}))
