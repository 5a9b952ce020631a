"""Every run tries the same examples, so that a red run can be repeated; ``--hypothesis-profile
search`` looks for new ones. None has to be done in a given time: machines are busy."""

import hypothesis

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile("repeatable")
