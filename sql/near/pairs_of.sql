-- title: Pairs that the search has, those that decisions part too, with one of the images asked for (chosen_image)
select
    pair.a,
    pair.b,
    pair.squared_distance
from searched_pair as pair
where pair.a in (select chosen_image.image_id from chosen_image)
    or pair.b in (select chosen_image.image_id from chosen_image)
