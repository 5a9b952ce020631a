"""Every run tries the same examples, so that a red run can be repeated; ``--hypothesis-profile
search`` looks for new ones."""

import hypothesis

hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.register_profile("search")
hypothesis.settings.load_profile("repeatable")
