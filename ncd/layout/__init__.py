"""Layout: from a diagram to a scene.  ``figure`` puts the steps together; ``scene`` is what comes out.

Nothing is imported here: whoever draws marks needs the scene without the layout.
"""
