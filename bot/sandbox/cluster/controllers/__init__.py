"""What a cluster does by itself: each file brings one kind of object nearer to what was asked, and knows no HTTP."""
