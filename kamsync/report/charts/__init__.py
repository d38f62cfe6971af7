"""Pictures of an overview's tables, by Altair (extra `report`): specifications, SVG and PNG, the JavaScript that shows them."""
