"""The desk's own settings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from chalicelib.domain.activity.policy import IdlePolicy
from chalicelib.domain.actors import Actor
from chalicelib.domain.asks import policy_errors, refused
from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.desk import Ceilings, Defaults, DeskSettings, Mode
from chalicelib.domain.errors import Conflict, FieldError
from chalicelib.domain.recipes import Recipe
from chalicelib.store.desk import DeskStore
from chalicelib.store.transactions import TRIES, Stale


@dataclass(frozen=True, kw_only=True)
class Administration:
    """GET and PATCH /desk."""

    desk: DeskStore
    catalogue: Catalogue
    recipes: Mapping[str, Recipe]

    def settings(self) -> DeskSettings:
        """As they stand."""
        return self.desk.settings()

    def change_settings(
        self, actor: Actor, *, mode: Mode | None, defaults: Mapping[str, Any], ceilings: Mapping[str, Any]
    ) -> DeskSettings:
        """An admin's; what is not named stays.

        :param defaults: fields of Defaults; `idle_policy` as a mapping
        :param ceilings: fields of Ceilings
        """
        actor.must_be_admin()
        for _ in range(TRIES):
            settings = _changed(self.desk.settings(), mode, defaults, ceilings)
            self._check_settings(settings)
            try:
                return self.desk.save_settings(settings)
            except Stale:
                continue
        raise Conflict("the settings are being changed by others; try again", code="busy")

    def _check_settings(self, settings: DeskSettings) -> None:
        defaults, ceilings = settings.defaults, settings.ceilings
        errors = [
            FieldError(f"defaults.{error.field}", error.message)
            for error in policy_errors(defaults.idle_policy, defaults.max_hours, ceilings)
        ]
        allowed = ceilings.regions or self.catalogue.regions()
        if defaults.region not in allowed:
            errors.append(FieldError("defaults.region", f"must be one of {', '.join(allowed)}"))
        if defaults.recipe not in self.recipes:
            errors.append(FieldError("defaults.recipe", f"must be one of {', '.join(self.recipes)}"))
        if defaults.disk_gib > ceilings.disk_gib:
            errors.append(FieldError("defaults.disk_gib", f"must be at most the ceiling of {ceilings.disk_gib} GiB"))
        if errors:
            raise refused(errors)


def _changed(
    settings: DeskSettings, mode: Mode | None, defaults: Mapping[str, Any], ceilings: Mapping[str, Any]
) -> DeskSettings:
    plain = dict(defaults)
    if "idle_policy" in plain:
        plain["idle_policy"] = IdlePolicy(**{**asdict(settings.defaults.idle_policy), **plain["idle_policy"]})
    return replace(
        settings,
        mode=mode or settings.mode,
        defaults=Defaults(**{**vars(settings.defaults), **plain}),
        ceilings=Ceilings(**{**vars(settings.ceilings), **ceilings}),
    )
