# promise: Word, PowerPoint and PDF files are written and read, and pictures changed
# outcome: ok
# needs: docx pptx pypdf PIL cv2 matplotlib
# limits: memory=1G timeout=60
import cv2, docx, pptx, pypdf
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

text = docx.Document()
text.add_heading("Grüße")
text.save("letter.docx")
assert docx.Document("letter.docx").paragraphs[0].text == "Grüße"
slides = pptx.Presentation()
slides.slides.add_slide(slides.slide_layouts[0]).shapes.title.text = "Title"
slides.save("slides.pptx")
plt.plot([1, 2])
plt.savefig("page.pdf")
plt.close()
assert len(pypdf.PdfReader("page.pdf").pages) == 1
Image.new("RGB", (64, 32), "red").resize((32, 16)).save("red.png")
picture = cv2.imread("red.png")
assert picture.shape == (16, 32, 3) and cv2.GaussianBlur(picture, (3, 3), 0).dtype == np.uint8
print("WORKS")
