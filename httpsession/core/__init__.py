"""The core: sessions of two kinds, live and shared, behind the faces that applications hold."""
