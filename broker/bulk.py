"""paho's client, reading many packets with one system call: ingest takes tens of thousands a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

from core.clock import monotonic_s

_RECEIVE_BYTES: Final = 262_144
_TURN_BYTES: Final = 4_194_304
_PUBLISH: Final = 0x30
_PUBACK: Final = 0x40
_TOPICS_REMEMBERED: Final = 20_000

OnPublish = Callable[[str, bytes, bool, int], None]
"""Called with topic, payload, retained and packet id (0 for QoS 0)."""


class BulkClient(Client):
    """MQTT 5 client of paho whose receiving side is ours; connecting, sending and every other packet stay paho's.

    paho reads each packet with three calls of ``recv`` and builds five objects for it, some 40 µs a message.
    Here one ``recv`` brings up to 256 KB, and PUBLISH packets are cut from it directly, in about 2 µs. All other
    packets are handed to paho's own handlers. Acknowledgements are always the owner's, gathered, and sent together.

    Parameters
    ----------
    client_id
        Client identifier.
    on_publish_packet
        Called from within `loop_read` for each message of QoS 0 or 1.
    """

    def __init__(self, client_id: str, on_publish_packet: OnPublish) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        self._deliver = on_publish_packet
        self._unparsed = b""
        self._topics: dict[bytes, str] = {}
        self._acks = bytearray()
        self.may_have_more = False
        """The last `loop_read` stopped before the socket was drained."""

    def forget_stream(self) -> None:
        """Drop what belongs to a lost connection: half a packet, acknowledgements, messages under way."""
        self._unparsed = b""
        self._acks.clear()
        self.may_have_more = False
        self.drop_out_messages()

    def close_socket(self) -> None:
        """Close the connection without a word and without a callback."""
        self._sock_close()

    def hold(self) -> None:
        """Stand in for `loop_read` while the owner takes nothing: PINGRESP waits unread too, and is not missed."""
        self._last_bytes_received = monotonic_s()
        self._ping_t = 0.0

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002 - paho's signature
        """Read until the socket is drained, or 4 MB, so that the owner gets its turn; handle every whole packet."""
        taken = 0
        self.may_have_more = False
        while self._sock is not None:
            try:
                data = self._sock_recv(_RECEIVE_BYTES)
            except BlockingIOError:
                break
            except OSError:
                return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
            if not data:
                return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
            self._last_bytes_received = monotonic_s()
            result = self._take(self._unparsed + data if self._unparsed else data)
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return self._loop_rc_handle(result)
            taken += len(data)
            if taken >= _TURN_BYTES:
                self.may_have_more = True
                break
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def queue_ack(self, packet_id: int) -> None:
        """Remember to acknowledge `packet_id` with the next `send_acks`."""
        self._acks += b"\x40\x02" + packet_id.to_bytes(2, "big")

    def send_acks(self) -> None:
        """Send the gathered acknowledgements in one piece, in order with everything else that is being sent."""
        if self._acks and self._sock is not None:
            packets = bytes(self._acks)
            self._acks.clear()
            self._packet_queue(_PUBACK, packets, 0, 1)

    def _take(self, data: bytes) -> MQTTErrorCode:
        """Handle every whole packet of `data` (MQTT 5, 2.1: first byte, remaining length, the rest); keep the rest."""
        position, end = 0, len(data)
        result = MQTTErrorCode.MQTT_ERR_SUCCESS
        while end - position >= 2:
            first = data[position]
            length = data[position + 1]
            start = position + 2
            if length & 0x80:
                if end - position > 2 and data[start] < 0x80:  # two bytes, as nearly every message has
                    length = length & 0x7F | data[start] << 7
                    start += 1
                else:
                    length, start = _variable_length(data, position + 1)
                    if start == 0:
                        if end - position >= 5:
                            return MQTTErrorCode.MQTT_ERR_PROTOCOL
                        break
            stop = start + length
            if stop > end:
                break
            if first & 0xF0 == _PUBLISH:
                result = self._take_publish(first, data, start, stop)
            else:
                result = self._take_other(first, data[start:stop])
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS or self._sock is None:
                return result
            position = stop
        self._unparsed = data[position:] if position < end else b""
        return result

    def _take_publish(self, first: int, data: bytes, start: int, stop: int) -> MQTTErrorCode:
        """PUBLISH (3.3): topic, packet id above QoS 0, properties (none that we need), payload."""
        position = start + 2 + (data[start] << 8 | data[start + 1]) if stop - start >= 2 else stop
        qos = first & 0x06
        if position + 1 > stop or qos > 0x02:
            # Truncated; or QoS 2, which nobody may send us because we subscribe with QoS 1.
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        name = data[start + 2 : position]
        packet_id = 0
        if qos:
            if position + 3 > stop:
                return MQTTErrorCode.MQTT_ERR_PROTOCOL
            packet_id = data[position] << 8 | data[position + 1]
            position += 2
        properties = data[position]
        position += 1
        if properties:
            if properties & 0x80:
                properties, position = _variable_length(data, position - 1)
            position += properties
            if position > stop or position == 0:
                return MQTTErrorCode.MQTT_ERR_PROTOCOL
        topic = self._topics.get(name) or self._topic(name)
        if not topic:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._deliver(topic, data[position:stop], bool(first & 0x01), packet_id)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _topic(self, name: bytes) -> str:
        """Topic as text, remembered because few are used over and over; empty when it is not UTF-8."""
        try:
            topic = name.decode()
        except UnicodeDecodeError:
            return ""
        if len(self._topics) >= _TOPICS_REMEMBERED:
            self._topics.clear()
        self._topics[name] = topic
        return topic

    def _take_other(self, first: int, body: bytes) -> MQTTErrorCode:
        self._in_packet = {
            "command": first,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        try:
            return self._packet_handle()
        except MalformedPacket:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL


def _variable_length(data: bytes, position: int) -> tuple[int, int]:
    """Variable byte integer (1.5.5) and the position after it; position 0 when it is not complete or too long."""
    value = shift = 0
    for index in range(position, min(position + 4, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, index + 1
        shift += 7
    return 0, 0
