"""What a process does before it computes: the heap, kept programs, checks of the installation, several devices."""
