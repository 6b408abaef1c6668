# from: typical code of an analysis
# expect: allowed
import plotly.express as px
import plotly.graph_objects as go
from plotly.subplots import make_subplots

figure = make_subplots(rows=1, cols=2)
figure.add_trace(go.Scatter(x=[1, 2], y=[3, 4], mode="lines"), row=1, col=1)
figure.update_layout(title={"text": "Two"}, showlegend=False)
figure.write_html("figure.html")
figure
