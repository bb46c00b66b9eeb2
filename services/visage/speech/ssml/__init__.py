"""SSML 1.1: a document of the caller's → lines to speak, each character of which knows its place in the source.

Source: "Speech Synthesis Markup Language (SSML) Version 1.1", W3C Recommendation, 7 September 2010.
"""
