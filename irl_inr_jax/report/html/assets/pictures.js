// Thumbnails from the atlases, drawn as taken, upright, as the INR's canonical image or as its reconstruction.

const atlases = Object.fromEntries(
  Object.entries(content.atlases).map(([name, atlas]) => [
    name,
    {
      ...atlas,
      pictures: atlas.pictures.map((url) => ({ url, decoded: null, waiting: null })),
    },
  ]),
);
const grey = Math.round(255 * content.background);
const BACKGROUND = `rgb(${grey}, ${grey}, ${grey})`;
const hasThumbnail = (row) => images.thumbnail[row] >= 0;
const KINDS = {
  taken: { atlas: "taken", transform: null },
  upright: { atlas: "taken", transform: "inverse" },
  canonical: { atlas: "canonical", transform: null },
  reconstruction: { atlas: "canonical", transform: "forward" },
};
const currentKind = () => (state.upright && images.theta !== null ? "upright" : "taken");

// Draw one image into a canvas. An image is the canonical one rotated by theta (counter-clockwise) about its centre, and
// then shifted by tau in half sides, y up; the canvas has y down, where rotate() is clockwise.
function draw(canvas, row, kind) {
  const { atlas: name, transform } = KINDS[kind];
  const atlas = atlases[name], place = images.thumbnail[row];
  const size = canvas.width, context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = BACKGROUND;
  context.fillRect(0, 0, size, size);
  if (!atlas || place < 0) {
    context.fillStyle = grey > 127 ? "#333" : "#bbb";
    context.font = `${size / 8}px sans-serif`;
    context.fillText("no thumbnail", size * 0.12, size / 2);
    return;
  }
  const picture = atlas.pictures[Math.floor(place / atlas.per_picture)];
  if (picture.decoded === null) {
    decode(picture).then(() => draw(canvas, row, canvas.dataset.kind));
    return;
  }
  const index = place % atlas.per_picture, side = atlas.side, half = size / 2;
  const left = (index % atlas.columns) * side, top = Math.floor(index / atlas.columns) * side;
  if (transform && images.theta !== null) {
    const theta = images.theta[row], right = images.tau[2 * row] * half, down = -images.tau[2 * row + 1] * half;
    context.translate(half, half);
    if (transform === "inverse") {
      context.rotate(theta);
      context.translate(-right, -down);
    } else {
      context.translate(right, down);
      context.rotate(-theta);
    }
    context.translate(-half, -half);
  }
  context.imageSmoothingQuality = "high";
  context.drawImage(picture.decoded, left, top, side, side, 0, 0, size, size);
  context.setTransform(1, 0, 0, 1, 0, 0);
}

// Decode a picture when it is first needed. A Blob is decoded beside the page's own work, which a large one would stop
// for 0.2 s.
function decode(picture) {
  const [, data] = picture.url.split(",");
  picture.waiting ??= createImageBitmap(new Blob([bytesOf(data)], { type: "image/webp" })).then((bitmap) => {
    picture.decoded = bitmap;
  });
  return picture.waiting;
}

function picture(row, kind, size = 128) {
  const canvas = element("canvas", { width: size, height: size, "data-row": row, "data-kind": kind });
  draw(canvas, row, kind);
  return canvas;
}
