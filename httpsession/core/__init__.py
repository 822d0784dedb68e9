"""The core: sessions as the package works on them, behind the faces that applications hold."""
