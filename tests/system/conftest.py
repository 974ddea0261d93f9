from processes import place

__all__ = ["place"]
