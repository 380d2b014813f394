"""Review in the browser: pictures and pairs are judged by keys, and no verdict is lost."""
