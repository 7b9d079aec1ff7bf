"""Promises that every trace is judged by: one function a promise, one error that quotes it."""
