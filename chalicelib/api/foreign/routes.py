"""/foreign-instances, /instances/adopt and /adoptions: GPU instances that gpudesk does not manage."""

from chalicelib.api.common_views import format_optional_timestamp
from chalicelib.api.foreign.schemas import (
    AdoptBody,
    AdoptionView,
    AdoptionWithWarningsView,
    ForeignInstancesView,
    to_adoption_view,
    to_foreign_instance_view,
    to_requested_view,
    to_unread_region_view,
)
from chalicelib.api.pagination import paginate
from chalicelib.api.parameters import EC2_ID
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery, PageQuery
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router
from chalicelib.domain.common.pagination import build_list_name

router = Router("foreign instances", "List GPU instances that gpudesk does not manage, and adopt one. Admins only.")


@router.route(Endpoint("GET", "/foreign-instances", needs_owner=False))
def list_foreign_instances(call: RequestContext[EmptyModel, PageQuery]) -> ForeignInstancesView:
    """List the GPU instances of the account that gpudesk does not manage, those that run first. Admins only.

    gpudesk reads all enabled regions once a day, and changes nothing on these instances.
    """
    inventory = call.app.foreign.get_inventory(call.actor)
    page = paginate(
        inventory.list_instances(),
        call.query,
        build_list_name("foreign-instances"),
        lambda instance: instance.instance_id,
    )
    key, value = call.app.foreign.permission_tag
    return {
        "items": [to_foreign_instance_view(instance, call.app.foreign.catalog) for instance in page.items],
        "next_cursor": page.next_cursor,
        "as_of": format_optional_timestamp(inventory.as_of),
        "region_count": len(inventory.readings),
        "unread_regions": [to_unread_region_view(reading) for reading in inventory.readings if reading.problem],
        "left_out_count": inventory.left_out_count,
        "adopt_tag": {"key": key, "value": value},
    }


@router.route(Endpoint("POST", "/instances/adopt", status=202, location="adoptions", needs_owner=False))
def adopt_instance(call: RequestContext[AdoptBody, OwnerQuery]) -> AdoptionWithWarningsView:
    """Bring an EC2 instance under gpudesk that gpudesk did not launch. Admins only.

    An admin of the AWS account must first set the tag `adopt_tag` of GET /foreign-instances on it. gpudesk checks the
    instance within two minutes; GET /adoptions/{instance_id} shows the result. It is kept for 24 hours before gpudesk
    stops it at the end of its lifetime.
    """
    body = call.body
    return to_requested_view(call.app.foreign.request_adoption(call.actor, body.instance_id, body.region, body.owner))


@router.route(Endpoint("GET", "/adoptions/{instance_id}", EC2_ID, needs_owner=False))
def show_adoption(call: RequestContext[EmptyModel, OwnerQuery]) -> AdoptionView:
    """Return the state of an adoption. Admins only."""
    return to_adoption_view(call.app.foreign.get_adoption(call.actor, call.path_ref))
