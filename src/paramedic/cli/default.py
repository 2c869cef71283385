"""A group of commands one of which is meant when none is named."""

import click


class Default(click.Group):
    """The first command of the group is its default, with whatever options are given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the default where no command is named."""
        names_none = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        return super().parse_args(ctx, [next(iter(self.commands)), *args] if names_none else args)
