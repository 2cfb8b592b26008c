"""The shared language of Promessa: values and rules without any I/O."""
