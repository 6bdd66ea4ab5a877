"""The operations of the contracts: the rows of `run.py`'s tables, each of which at least one client must check."""

OPERATIONS = {
    # What is common with the other interfaces; `api.py` makes requests for every operation.
    "api": """
        createLibrary listLibraries getLibrary getLibraryStatistics
        createPerson listPeople getPerson updatePerson listFaces getFace getFacePicture identifyInLibrary erasePerson
        listEvents getCallTotals getAccount listFriends listFriendGroups
    """.split(),
    # The calls of section 7 that a crosswise client makes.
    "manual": "queryBaseAll query recognition".split(),
    "face-api": """
        groupAdd groupDelete getGroupList getGroupUsers addUser updateUser getUser userCopy deleteUser faceGetlist
        faceDelete search multiSearch match detect faceverify
    """.split(),
    "jdcloud": """
        getFaceGroupList faceGroupCreate faceGroupDelete faceCreate faceDelete faceSearch
        faceCompareV1 face_compare facePropV1 face_detect_attr mask_detect detectHacknessV1 face_AntiSpoof
        groupCreateV1 groupFetchV1 groupUpdateV1 groupDeleteV1
        faceCreateV1 faceFetchV1 faceSearchV1 faceUpdateV1 faceDeleteV1
    """.split(),
    "linkvisual": """
        AddFaceUser UpdateFaceUser DeleteFaceUser QueryFaceUser QueryFaceUserBatch QueryFaceUserByName
        QueryFaceUserIdByCustomUserId QueryFaceCustomUserIdByUserId AddFaceUserPicture DeleteFaceUserPicture
        AddFaceUserGroup DeleteFaceUserGroup AddFaceUserToUserGroup RemoveFaceUserFromUserGroup
        QueryFaceUserGroup QueryFaceAllUserGroup QueryFaceAllUserIdsByGroupId
        AddFaceDeviceGroup DeleteFaceDeviceGroup QueryFaceAllDeviceGroup AddFaceDeviceToDeviceGroup
        RemoveFaceDeviceFromDeviceGroup QueryFaceDeviceGroupsByDevice CheckFaceUserDoExistOnDevice ClearFaceDeviceDB
        AddFaceUserGroupAndDeviceGroupRelation UpdateFaceUserGroupAndDeviceGroupRelation
        DeleteFaceUserGroupAndDeviceGroupRelation QueryFaceUserGroupAndDeviceGroupRelation
        QueryFaceAllUserGroupAndDeviceGroupRelation
        DetectUserFaceByUrl
    """.split(),
    "tencent-im": """
        account_import multiaccount_import account_check account_delete
        friend_add friend_import friend_update friend_delete friend_delete_all friend_check friend_get friend_get_list
        group_add group_delete group_get
    """.split(),
}
