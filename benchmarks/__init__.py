"""How fast the package is, beside its peers and beside LangChain's own floor."""
