"""On-line anomalies of meters and sensors: events with evidence that open and close by themselves."""
