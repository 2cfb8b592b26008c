"""The MQTT broker as we use it: a thin client around paho, and the enrolment of those who may use it."""
