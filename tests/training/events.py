"""TensorBoard events read back from the published format of their files."""

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c


def read_events(path):
    """Read the published record format: length, its checksum, the event, its checksum."""
    content, start, events = path.read_bytes(), 0, []
    while start < len(content):
        length = int.from_bytes(content[start : start + 8], "little")
        body = content[start + 12 : start + 12 + length]
        checksum = int.from_bytes(content[start + 12 + length : start + 16 + length], "little")
        assert masked_crc32c(body) == checksum
        events.append(Event.FromString(body))
        start += 16 + length
    return events
