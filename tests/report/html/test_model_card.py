"""The display of a model in a notebook."""

import base64
import io
import re

from PIL import Image

from irl_inr_jax.report.html.model_card import NUM_THUMBNAILS, describe_model_html
from tests.small_model import make_small_model


def test_the_card_has_the_verdict_and_images_of_every_cluster():
    html = describe_model_html(make_small_model(), "kmeans", "IRLINR()")
    assert "<b>IRLINR()</b>" in html and "40 images: blobs" in html and "kmeans (3), agglomerative (3)" in html
    assert ">!</span> not converged: &lt;loss&gt;" in html and "<loss>" not in html
    assert "ring &lt;&amp;&gt;" in html and "cluster 0" in html and "cluster 2" in html
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert len(pictures) == 3
    for picture in pictures:
        width, height = Image.open(io.BytesIO(base64.b64decode(picture))).size
        assert height == 40 and width <= 42 * NUM_THUMBNAILS - 2
    assert not re.findall(r'(?:src|href)="(?!data:)', html)


def test_a_model_without_pixels_has_a_card_without_pictures():
    model = make_small_model()
    reference = model.reference._replace(images=model.reference.images[:0], image_rows=model.reference.image_rows[:0])
    html = describe_model_html(model._replace(reference=reference, verdict=[]), "agglomerative", "IRLINR()")
    assert "<img" not in html and "cluster 0" in html and "<ul" not in html
