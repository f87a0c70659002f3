"""TensorBoard's event files, written by the calling thread.

`tensorboardX.SummaryWriter` writes in a thread behind a queue. A write that fails, as on a full disk, ends the thread,
and later calls wait for it forever; here it raises OSError.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from PIL import Image


class EventFile:
    """A new event file in `folder`, which hides the events of earlier files from `purge_step` on."""

    def __init__(self, folder: Path, *, purge_step: int):
        from tensorboardX.event_file_writer import EventsWriter  # slow if PyTorch is installed, which it then imports
        from tensorboardX.proto import event_pb2, summary_pb2

        self._make_event, self._summary = event_pb2.Event, summary_pb2.Summary
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(folder / "events"))
        started = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(purge_step, session_log=started)

    def add_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write one point per scalar."""
        values = [self._summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        self._write(step, summary=self._summary(value=values))

    def add_image(self, step: int, name: str, path: Path) -> None:
        """Write the content of a PNG file."""
        with Image.open(path) as image:
            facts = {"width": image.width, "height": image.height, "colorspace": len(image.getbands())}
        encoded = self._summary.Image(encoded_image_string=path.read_bytes(), **facts)
        self._write(step, summary=self._summary(value=[self._summary.Value(tag=name, image=encoded)]))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _write(self, step: int, **content) -> None:
        self._writer.write_event(self._make_event(wall_time=time.time(), step=step, **content))
        self._writer.flush()
