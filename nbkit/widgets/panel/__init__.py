"""The interactive form: prompt, parameters, Generate with its price, the pictures."""
