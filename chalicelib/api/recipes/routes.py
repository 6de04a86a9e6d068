"""/recipes: the software that gpudesk can set up on an instance."""

from chalicelib.api.common_views import PageView
from chalicelib.api.pagination import paginate, to_page_view
from chalicelib.api.recipes.schemas import RecipeView, to_recipe_view
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, PageQuery
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router
from chalicelib.domain.common.pagination import build_list_name

router = Router("recipes", "Find out which software gpudesk can set up on an instance.")


@router.route(Endpoint("GET", "/recipes", needs_owner=False))
def list_recipes(call: RequestContext[EmptyModel, PageQuery]) -> PageView[RecipeView]:
    """List the recipes that a request can name."""
    desk = call.app.desk
    page = paginate([*desk.recipes.values()], call.query, build_list_name("recipes"), lambda recipe: recipe.name)
    return to_page_view(page, lambda recipe: to_recipe_view(recipe, desk.catalog))
