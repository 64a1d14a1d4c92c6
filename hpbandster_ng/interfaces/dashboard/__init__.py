"""A page in the browser that shows runs, while they go on and afterwards.

What happened is folded into a view (:mod:`~hpbandster_ng.interfaces.dashboard.view`), of which each part of the page
asks for a small summary (:mod:`~hpbandster_ng.interfaces.dashboard.payloads`). Both are pure. Around them are where
runs are found (``places``), what is read of them (``sources``), who reads on (``follower``), and who answers the
browser (``application``, ``server``).
"""
