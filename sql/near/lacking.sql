-- title: How many of the images asked for (wanted_image) the current search does not know
select count(*) as images
from image
left join coverage on coverage.image_run = image.run_id and coverage.evidence = 'pair'
where coverage.image_run is null
    and image.image_id in (select wanted_image.image_id from wanted_image)
