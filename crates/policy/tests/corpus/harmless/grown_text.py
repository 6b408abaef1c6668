# from: typical code of an analysis
# expect: allowed
report = ""
for name, value in {"a": 1, "b": 2}.items():
    report += f"{name}: {value}\n"
    report = report + "-" * 10 + "\n"
print("{:>10}|{}".format("x", report), "%s and %.2f" % ("a", 1.5))
