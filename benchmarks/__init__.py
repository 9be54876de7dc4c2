"""What Ringwall costs. A figure counts only as a ratio taken in the same run."""
