# promise: matplotlib draws to PNG, SVG and PDF, with the fonts that it has
# outcome: ok
# needs: matplotlib
# limits: timeout=60
import matplotlib.pyplot as plt

figure, axes = plt.subplots(subplot_kw={"title": "Größe in µm – café"})
axes.plot([1, 2, 3], [1, 4, 9], label=r"$x^2$")
axes.legend()
for kind, start in [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("jpg", b"\xff\xd8")]:
    figure.savefig(f"plot.{kind}")
    assert open(f"plot.{kind}", "rb").read(5).startswith(start), kind
plt.close(figure)
print("WORKS")
