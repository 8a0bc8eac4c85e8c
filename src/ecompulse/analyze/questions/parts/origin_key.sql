md5_number(concat(length(traffic_source), ':', length(channel), ':', length(campaign), ':', traffic_source, channel, campaign))
